/** The editor of one file: CodeMirror, fetched with the page that needs it. */
import { defaultKeymap, history, historyKeymap, indentWithTab } from '@codemirror/commands';
import { yaml } from '@codemirror/lang-yaml';
import { foldGutter, indentOnInput, indentUnit, syntaxHighlighting } from '@codemirror/language';
import { type Diagnostic, lintGutter, setDiagnostics } from '@codemirror/lint';
import { Compartment, EditorState } from '@codemirror/state';
import { drawSelection, EditorView, highlightActiveLine, keymap, lineNumbers } from '@codemirror/view';
import { classHighlighter } from '@lezer/highlight';
import { useComputedColorScheme } from '@mantine/core';
import { useEffect, useRef } from 'react';

/** A remark at a line, from 1; 0: at the file as a whole. */
export interface Mark {
  line: number;
  severity: 'error' | 'warning';
  message: string;
}
interface CodeProps {
  label: string;
  /** What it begins with: another file is another editor. */
  text: string;
  isYaml: boolean;
  readOnly: boolean;
  marks: Mark[];
  change: (text: string) => void;
  save: () => void;
}

const nonce = document.querySelector('meta[name="csp-nonce"]')?.getAttribute('content') ?? '';
/** Both palettes keep 4.5 : 1 on the console's grounds. */
const looks = {
  light: EditorView.theme({ '&': { color: '#1b1f2e' }, '.cm-gutters': { color: '#5c636a', background: '#f7f8fb' } }),
  dark: EditorView.theme(
    {
      '&': { color: '#e9ebf3' },
      '.cm-gutters': { color: '#a6a7ab', background: '#17181d' },
      '.cm-cursor': { borderLeftColor: '#e9ebf3' },
      '.cm-activeLine': { background: '#ffffff0f' },
    },
    { dark: true },
  ),
};

function diagnosticsOf({ doc }: EditorState, marks: Mark[]): Diagnostic[] {
  return marks.map(({ line, severity, message }) => {
    const { from, to } = doc.line(Math.min(Math.max(1, line), doc.lines));
    return { from, to, severity, message };
  });
}

export function Code({ label, text, isYaml, readOnly, marks, change, save }: CodeProps) {
  const box = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const colours = useRef(new Compartment());
  const scheme = useComputedColorScheme('light');
  const told = useRef({ change, save });
  told.current = { change, save };
  // One editor for the life of the element: what it begins with is read once.
  useEffect(() => {
    const parent = box.current;
    if (!parent) return;
    const state = EditorState.create({
      doc: text,
      extensions: [
        EditorView.cspNonce.of(nonce),
        lineNumbers(),
        foldGutter(),
        history(),
        drawSelection(),
        highlightActiveLine(),
        indentOnInput(),
        indentUnit.of('  '),
        lintGutter(),
        ...(isYaml ? [yaml(), syntaxHighlighting(classHighlighter)] : []),
        EditorView.lineWrapping,
        EditorState.readOnly.of(readOnly),
        EditorView.contentAttributes.of({ 'aria-label': label, tabindex: '0' }),
        colours.current.of(looks.light),
        keymap.of([
          { key: 'Mod-s', preventDefault: true, run: () => (told.current.save(), true) },
          // Esc, then Tab leaves the editor: the kit's way out for who has no mouse.
          indentWithTab,
          ...defaultKeymap,
          ...historyKeymap,
        ]),
        EditorView.updateListener.of(({ docChanged, state: now }) => {
          if (docChanged) told.current.change(now.doc.toString());
        }),
      ],
    });
    const made = new EditorView({ state, parent });
    view.current = made;
    return () => made.destroy();
  }, []);
  useEffect(() => view.current?.dispatch({ effects: colours.current.reconfigure(looks[scheme]) }), [scheme]);
  useEffect(() => {
    const editor = view.current;
    if (!editor) return;
    editor.dispatch(setDiagnostics(editor.state, diagnosticsOf(editor.state, marks)));
    const first = marks.find(({ severity, line }) => severity === 'error' && line > 0);
    if (!first) return;
    const { from } = editor.state.doc.line(Math.min(first.line, editor.state.doc.lines));
    editor.dispatch({ effects: EditorView.scrollIntoView(from, { y: 'center' }) });
  }, [marks]);
  return <div ref={box} className="sb-code" />;
}
