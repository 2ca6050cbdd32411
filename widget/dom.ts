/** Elements without markup: text goes in as text nodes only, so nothing a person or a bot wrote can become HTML. */

type Attributes = Record<string, string | boolean | undefined>;

/** An element with attributes (`true`: present, `false` and undefined: absent) and children. Attribute names come from our code only. */
export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children);
  return element;
}

const drawings = {
  send: 'M12 19V5M5.5 11.5 12 5l6.5 6.5',
  close: 'M6 6l12 12M18 6 6 18',
  down: 'M12 5v14M5.5 12.5 12 19l6.5-6.5',
};

/** A line drawing in the colour of the text around it, hidden from screen readers. */
export function icon(name: keyof typeof drawings): SVGSVGElement {
  const space = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(space, 'svg');
  const path = document.createElementNS(space, 'path');
  path.setAttribute('d', drawings[name]);
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('aria-hidden', 'true');
  svg.append(path);
  return svg;
}

/** The address if it is one that a chat may link to or load; null for any other scheme and for what is no absolute address. */
export function safeUrl(address: unknown, schemes: readonly string[]): string | null {
  if (typeof address !== 'string') return null;
  try {
    const url = new URL(address);
    return schemes.includes(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}
