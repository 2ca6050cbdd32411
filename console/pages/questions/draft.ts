/** The pairs as they are edited here: each change is kept at the hub by itself, and can be taken back. */
import { useCallback, useEffect, useRef, useState } from 'react';

import { type Api, type Faq, HubRefusal, type PairWire, type StoredPairWire } from '../../api';

/** `conflict`: somebody else has changed the pairs meanwhile. */
export type Saving = 'saved' | 'saving' | 'conflict' | 'failed';
interface State {
  pairs: StoredPairWire[];
  past: StoredPairWire[][];
  future: StoredPairWire[][];
}
const mostSteps = 100;
/** Several changes in a row are one write. */
const restMs = 600;

let made = 0;
export const newPair = (pair: PairWire): StoredPairWire => ({ ...pair, id: `new-${(made += 1)}` });

export function useDraft(api: Api, appId: string, loaded: Faq) {
  const [state, setState] = useState<State>({ pairs: loaded.pairs, past: [], future: [] });
  const [saving, setSaving] = useState<Saving>('saved');
  const [problem, setProblem] = useState('');
  const [etag, setEtag] = useState(loaded.etag);
  const stored = useRef({ etag: loaded.etag, pairs: loaded.pairs });
  const newest = useRef(state.pairs);
  newest.current = state.pairs;
  const writing = useRef<Promise<void> | null>(null);

  const know = useCallback((faq: Faq): void => {
    stored.current = faq;
    setEtag(faq.etag);
    setSaving('saved');
  }, []);
  /** Writes until what is stored is what is here. */
  const save = useCallback((): Promise<void> => {
    const write = async (): Promise<void> => {
      try {
        while (stored.current.pairs !== newest.current) {
          setSaving('saving');
          const pairs = newest.current;
          know({ pairs, etag: await api.putFaq(appId, pairs, stored.current.etag) });
        }
      } catch (error) {
        const lost = error instanceof HubRefusal && error.problem.code === 'version_conflict';
        setSaving(lost ? 'conflict' : 'failed');
        setProblem((error as Error).message);
      }
    };
    return (writing.current ??= write().finally(() => (writing.current = null)));
  }, [api, appId, know]);

  useEffect(() => {
    if (stored.current.pairs === state.pairs) return;
    setSaving('saving');
    const timer = setTimeout(() => void save(), restMs);
    return () => clearTimeout(timer);
  }, [state.pairs, save]);
  // Who leaves the page within that time has saved too.
  useEffect(() => () => void (stored.current.pairs !== newest.current && save()), [save]);

  const apply = useCallback(
    (change: (pairs: StoredPairWire[]) => StoredPairWire[]): void =>
      setState(({ pairs, past }) => ({ pairs: change(pairs), past: [...past, pairs].slice(-mostSteps), future: [] })),
    [],
  );
  const undo = useCallback((): void => {
    setState(({ pairs, past, future }) => {
      const before = past.at(-1);
      return before ? { pairs: before, past: past.slice(0, -1), future: [pairs, ...future] } : { pairs, past, future };
    });
  }, []);
  const redo = useCallback((): void => {
    setState(({ pairs, past, future: [after, ...future] }) =>
      after ? { pairs: after, past: [...past, pairs], future } : { pairs, past, future: [] },
    );
  }, []);
  /** What the hub has now, as one step that can be taken back. */
  const reload = useCallback(async (): Promise<void> => {
    const faq = await api.faq(appId);
    know(faq);
    apply(() => faq.pairs);
  }, [api, appId, apply, know]);
  /** Over what somebody else wrote. */
  const insist = useCallback(async (): Promise<void> => {
    stored.current = await api.faq(appId);
    await save();
  }, [api, appId, save]);

  return {
    pairs: state.pairs,
    canUndo: state.past.length > 0,
    canRedo: state.future.length > 0,
    ...{ saving, problem, etag, apply, undo, redo, save, reload, insist },
  };
}
export type Draft = ReturnType<typeof useDraft>;
