/** Thousands of pairs, of which only those on the screen are drawn. All rows are of one height, so that nothing is measured. */
import { useVirtualizer } from '@tanstack/react-virtual';
import type { TFunction } from 'i18next';
import { type KeyboardEvent, memo, useRef } from 'react';
import { useTranslation } from 'react-i18next';

import type { AnswerWire, Finding, StoredPairWire } from '../../api';
import { Icon } from '../../parts/icons';
import { remarkOf } from '../../parts/remarks';

export interface Row {
  pair: StoredPairWire;
  /** Its place among all pairs, from 1. */
  place: number;
  findings: Finding[];
}
const rowHeight = 60;

/** An answer as one text. */
export function wordsOf(answer: AnswerWire): string {
  if (typeof answer === 'string') return answer;
  const parts = Array.isArray(answer) ? answer : [answer];
  return parts
    .map(({ text, image, buttons = [] }) =>
      [text ?? image ?? '', ...buttons.map(({ title }) => `[${title}]`)].join(' '),
    )
    .join('\n');
}

interface LineProps {
  t: TFunction;
  row: Row;
  start: number;
  index: number;
  selected: boolean;
  open: (id: string) => void;
  select: (id: string) => void;
}
/** Plain elements: dozens of lines are drawn anew in each frame while somebody scrolls. */
const Line = memo(function Line({ t, row, start, index, selected, open, select }: LineProps) {
  const { pair, place, findings } = row;
  const [first, ...others] = pair.Q;
  const marks = findings.map(remarkOf).join('\n');
  return (
    <div
      role="row"
      aria-rowindex={index + 2}
      aria-selected={selected}
      className="sb-row"
      data-selected={selected}
      style={{ height: rowHeight, transform: `translateY(${start}px)` }}
    >
      <div role="gridcell" className="sb-cell">
        <input
          type="checkbox"
          checked={selected}
          onChange={() => select(pair.id)}
          aria-label={t('grid.select', { row: place })}
        />
      </div>
      <div role="gridcell" className="sb-cell sb-quiet">
        {place}
      </div>
      <div role="gridcell" className="sb-cell">
        <button type="button" className="sb-open" data-index={index} onClick={() => open(pair.id)}>
          {first?.q}
          {pair.language !== undefined && <span className="sb-quiet"> [{pair.language}]</span>}
          {others.length > 0 && <span className="sb-quiet"> {t('grid.more', { count: others.length })}</span>}
        </button>
      </div>
      <div role="gridcell" className="sb-cell">
        {wordsOf(pair.A)}
      </div>
      <div role="gridcell" className="sb-cell">
        {findings.length > 0 && (
          <span tabIndex={0} role="img" aria-label={marks} title={marks} className="sb-mark">
            <Icon name="warning" />
          </span>
        )}
      </div>
    </div>
  );
});

interface GridProps {
  rows: Row[];
  selected: ReadonlySet<string>;
  open: (id: string) => void;
  select: (id: string) => void;
}
export function Grid({ rows, selected, open, select }: GridProps) {
  const { t } = useTranslation();
  const box = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => box.current,
    estimateSize: () => rowHeight,
    overscan: 8,
  });
  /** Arrow keys go from row to row, also to those that are not drawn yet. */
  const move = (event: KeyboardEvent): void => {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 }[event.key];
    const at = (event.target as HTMLElement).dataset['index'];
    if (step === undefined || at === undefined) return;
    event.preventDefault();
    const next = Math.max(0, Math.min(rows.length - 1, Number(at) + step));
    const focus = (): boolean => {
      const button = box.current?.querySelector<HTMLElement>(`[data-index="${next}"]`);
      button?.focus();
      return button !== undefined && button !== null;
    };
    if (focus()) return;
    virtual.scrollToIndex(next);
    requestAnimationFrame(focus);
  };
  return (
    <div
      ref={box}
      className="sb-grid"
      role="grid"
      aria-label={t('nav.questions')}
      aria-rowcount={rows.length + 1}
      aria-multiselectable
      tabIndex={0}
      onKeyDown={move}
    >
      <div className="sb-rows" role="rowgroup" style={{ height: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map(({ index, start }) => {
          const row = rows[index];
          return (
            row && (
              <Line
                key={row.pair.id}
                t={t}
                row={row}
                start={start}
                index={index}
                selected={selected.has(row.pair.id)}
                open={open}
                select={select}
              />
            )
          );
        })}
      </div>
    </div>
  );
}
