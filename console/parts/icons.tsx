/** The console's few icons, drawn with one line. */
const paths = {
  home: 'M3 11l9-8 9 8M5 9.5V20h14V9.5M10 20v-6h4v6',
  plus: 'M12 5v14M5 12h14',
  letter: 'M3 6h18v12H3zM3 7l9 7 9-7',
  questions: 'M4 5h16v11H9l-5 4zM9 9h6M9 12h4',
  training: 'M4 20V10M10 20V4M16 20v-8M21 20H3',
  chart: 'M4 4v16h16M8 16l4-5 3 3 5-7',
  misses: 'M9 9a3 3 0 1 1 4.5 2.6c-1 .6-1.5 1.2-1.5 2.4M12 17.5v.5M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z',
  channels: 'M5 12h14M12 5v14M5 5l14 14M19 5L5 19',
  process: 'M4 5h16v14H4zM7 9l3 3-3 3M12 15h5',
  conversations: 'M3 4h13v9H8l-5 4zM19 8h2v13l-5-4h-6',
  chat: 'M4 5h16v11H9l-5 4z',
  people: 'M9 11a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM2 21c0-4 3-6 7-6s7 2 7 6M16 3.5a4 4 0 0 1 0 7M18 15c2.5.7 4 2.5 4 6',
  waiting: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 7v5l3 3',
  key: 'M8 12a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM11 13L20 4M16 8l3 3M13 11l2 2',
  settings: 'M4 7h10M18 7h2M4 17h2M10 17h10M16 5v4M8 15v4',
  graph: 'M4 5h5v5H4zM15 3h5v5h-5zM15 15h5v5h-5zM9 7h6M12 7v10h3',
  send: 'M4 12l16-8-6 16-3-6zM11 14l9-10',
  sun: 'M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2v3M12 19v3M2 12h3M19 12h3M5 5l2 2M17 17l2 2M5 19l2-2M17 7l2-2',
  search: 'M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM16 16l5 5',
  warning: 'M12 3l10 18H2zM12 10v5M12 18v.5',
  edit: 'M4 20l1-5L16 4l4 4L9 19z',
  undo: 'M9 14L4 9l5-5M4 9h10a6 6 0 0 1 0 12h-3',
  redo: 'M15 14l5-5-5-5M20 9H10a6 6 0 0 0 0 12h3',
  trash: 'M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13',
  copy: 'M9 9h11v11H9zM5 15H4V4h11v1',
  check: 'M4 12l5 5L20 6',
  out: 'M14 4H5v16h9M10 12h11M17 8l4 4-4 4',
} as const;
export type IconName = keyof typeof paths;

/** An ornament: what it stands beside, or the button's label, says the same in words. */
export function Icon({ name, size = 18 }: { name: IconName; size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.8" aria-hidden>
      <path d={paths[name]} strokeLinecap="round" strokeLinejoin="round" />
    </svg>
  );
}
