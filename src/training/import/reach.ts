/**
 * What the settings of components reach beside their project: files of this machine and hosts of the network. Rasa follows them without a
 * question, and keeps in the model what it read: a folder of dictionaries is copied into it as it is.
 */

/** What an operator has opened to projects. */
export interface Allowed {
  /** May they bring code of their own (CUSTOM_CODE)? Then nothing here is closed to them. */
  customCode: boolean;
  /** Hosts that their components may call (EGRESS_ALLOW), in lower case, with or without a port. */
  hosts: readonly string[];
}
export interface Reach {
  value: string;
  words: string;
}

/** Sections whose values are settings of code. */
const ofSettings = ['pipeline', 'policies', 'importers', 'imports', 'train_schema', 'predict_schema'];
/** Texts that are no paths, whatever they look like. */
const ofWords = ['token_pattern', 'name', 'uses'];
const outside = /^\s*(?:[/\\~]|[a-z]:[/\\])|(?:^|[/\\])\.\.(?:[/\\]|\s*$)/i;
const address = /^\s*[a-z][a-z0-9+.-]*:\/\//i;

/** Everything of that kind in the sections of a YAML text. */
export function reachIn(content: unknown, allowed: Allowed): Reach[] {
  const sections = typeof content === 'object' && content !== null ? Object.entries(content) : [];
  return sections.filter(([name]) => ofSettings.includes(name)).flatMap(([, value]) => reachOf(value, allowed));
}

/** The same in the settings of one component, or of several. Whatever is shared by references is looked at once. */
export function reachOf(root: unknown, { customCode, hosts }: Allowed): Reach[] {
  if (customCode) return [];
  const found: Reach[] = [];
  const seen = new Set<unknown>();
  const open: { key: string; value: unknown }[] = [{ key: '', value: root }];
  for (let next = open.pop(); next; next = open.pop()) {
    const { key, value } = next;
    const words = typeof value === 'string' ? fault(key, value, hosts) : null;
    if (words !== null) found.push({ value: String(value), words });
    if (typeof value !== 'object' || value === null || seen.has(value)) continue;
    seen.add(value);
    open.push(...Object.entries(value).map(([name, inner]) => ({ key: name, value: inner as unknown })));
  }
  return found;
}

function fault(key: string, value: string, hosts: readonly string[]): string | null {
  if (value.includes('${')) return 'no environment variable is read here: write the value itself';
  if (ofWords.includes(key)) return null;
  // Such a component is called by the bot's own process, whose connections nobody looks at again.
  if (address.test(value) || key === 'url') {
    return isNamed(value, hosts)
      ? null
      : `${value.slice(0, 100)} is no host that bots may call. Whoever runs the hub can allow it (EGRESS_ALLOW)`;
  }
  return outside.test(value) ? `${value.slice(0, 100)} is outside of the project: name a file of the project` : null;
}

function isNamed(text: string, hosts: readonly string[]): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, host, hostname } = new URL(text);
  return /^https?:$/.test(protocol) && (hosts.includes(host) || hosts.includes(hostname));
}
