/** The author's colour, with black or white on it. */

/** Black or white, whichever is easier to read on the colour `#rrggbb`. */
export function inkOn(color: string): '#000' | '#fff' {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16) / 255);
  const linear = (part: number): number => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
  return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue) > 0.179 ? '#000' : '#fff';
}

/** Sets the accent of the element's style. */
export function paint({ style }: HTMLElement, color: string): void {
  for (const name of ['--accent', '--accent-deep']) style.setProperty(name, color);
  style.setProperty('--on-accent', inkOn(color));
}
