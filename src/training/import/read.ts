/** An archive as a project, or everything that is wrong with it at once. Runs in a thread of its own (thread.ts). */
import type { ProjectFile } from '../../contracts.js';
import { readYaml, yamlDocument } from '../yaml.js';
import { type File, refusal, unpack } from './archive.js';
import { codeRefusal, faultsIn, type FileFault, mostFiles, pathFault, refusalOf, textOf } from './file.js';
import { isWanted, layoutOf } from './layout.js';
import type { Allowed } from './reach.js';
import { yamlFacts } from './yaml-check.js';

/** What an archive brings; nothing of it is kept yet. */
export interface ProjectDraft {
  files: ProjectFile[];
  /** Of its config.yml; null where that does not say. */
  language: string | null;
  /** The text of its credentials.yml, which is no file of the bot: it holds secrets. */
  credentials: string | null;
  /** The folder it was in. */
  folder: string | null;
  /** Sentences for its author: what was left out, moved or is read otherwise than it looks. */
  notes: string[];
}

/** Files whose loss would change the bot. */
const counts = /^(?:config|domain|endpoints)\.yml$|^(?:data|domain|actions)\/|\.py$/;

/** Rejects with `invalid`: for an archive that is not safe (archive.ts), and for a project that cannot be trained as it is, each fault with file and line. */
export async function readProject(archive: Buffer, allowed: Allowed): Promise<ProjectDraft> {
  const { files, others } = await unpack(archive, isWanted);
  const layout = layoutOf(files, (file) => yamlFacts(textOf(file.bytes) ?? '').sections);
  if ('fault' in layout) throw refusal(null, layout.fault);
  const reading = new Reading(allowed);
  for (const file of layout.files) reading.take(file);
  const left = others.length + files.length - layout.files.length;
  return reading.draft({ folder: layout.root.replace(/\/$/, '') || null, notes: layout.notes, left });
}

class Reading {
  private readonly files: ProjectFile[] = [];
  private readonly faults: FileFault[] = [];
  private readonly notes: string[] = [];
  private readonly code: string[] = [];
  private credentials: string | null = null;
  private left = 0;

  constructor(private readonly allowed: Allowed) {}

  take({ path, bytes }: File): void {
    const content = textOf(bytes);
    const fault = pathFault(path) ?? (content === null ? 'it is not text in UTF-8: save it as UTF-8' : null);
    if (fault !== null || content === null) return void this.refuseOrLeave(path, fault ?? '');
    if (path === 'credentials.yml') this.credentials = content;
    else if (path === 'endpoints.yml') this.keep({ path, content: this.endpointsOf(content) });
    else if (!path.endsWith('.py')) this.keep({ path, content });
    else if (this.allowed.customCode) this.keep({ path, content });
    else if (hasCode(content)) this.code.push(path);
    else this.left += 1;
  }

  draft(found: { folder: string | null; notes: string[]; left: number }): ProjectDraft {
    this.judge();
    if (this.faults.length > 0) throw refusalOf(this.faults);
    const config = this.files.find(({ path }) => path === 'config.yml');
    const language = yamlFacts(config?.content ?? '').words['language']?.toLowerCase();
    const left = this.left + found.left;
    return {
      files: this.files,
      language: language !== undefined && /^[a-z]{2,3}(-[a-z0-9]{2,8})*$/.test(language) ? language : null,
      credentials: this.credentials,
      folder: found.folder,
      notes: [
        ...found.notes,
        ...this.notes,
        ...(left > 0 ? [`Left out: ${left} files that no Rasa project is trained from.`] : []),
      ],
    };
  }

  private keep(file: ProjectFile): void {
    const { faults, notes } = faultsIn(file, this.allowed);
    this.faults.push(...faults);
    this.notes.push(...notes);
    if (/^data\/.*\.md$/.test(file.path) && /^##\s*(?:intent|synonym|regex|lookup|story)\b/im.test(file.content))
      this.fault(
        file.path,
        'this is training data of Rasa 1, which Rasa 3 does not read: convert it with Rasa 2 (`rasa data convert`)',
      );
    this.files.push(file);
  }

  private refuseOrLeave(path: string, words: string): void {
    if (counts.test(path)) this.fault(path, words);
    else this.left += 1;
  }

  /** Faults of the project as a whole. */
  private judge(): void {
    const has = (pattern: RegExp): boolean => this.files.some(({ path }) => pattern.test(path));
    if (!has(/^domain\.yml$/) && !has(/^domain\/.*\.ya?ml$/))
      this.fault(
        'domain.yml',
        'it is missing: what the bot can say and do stands there (or in files of a folder domain/)',
      );
    if (!this.files.some(isTrainingData))
      this.fault('data', 'no training data: at least one file in data/ must have a section nlu, rules or stories');
    if (this.files.length > mostFiles)
      this.fault('data', `the project has more than ${mostFiles} files, which is the most`);
    const served = /^action_endpoint:/m.test(this.files.find(({ path }) => path === 'endpoints.yml')?.content ?? '');
    const [code] = this.code;
    if (code !== undefined && !served) this.fault(code, codeRefusal(code).slice(code.length + 1));
    else if (code !== undefined)
      this.notes.push(`Left out: ${this.code.join(', ')}. The action server that endpoints.yml names has them.`);
  }

  /** The part of endpoints.yml that counts here: the hub keeps conversations itself, and needs nobody's database passwords. */
  private endpointsOf(content: string): string {
    if (yamlFacts(content).faults.length > 0) return content;
    const { sections } = readYaml(content, 'endpoints.yml');
    const others = Object.keys(sections).filter((name) => name !== 'action_endpoint' && sections[name] != null);
    if (others.length === 0) return content;
    this.notes.push(`endpoints.yml: ${others.join(', ')} left out; the hub does that itself.`);
    const endpoint = sections['action_endpoint'];
    return endpoint == null ? '' : yamlDocument({ action_endpoint: endpoint });
  }

  private fault(path: string, words: string): void {
    this.faults.push({ path, line: null, words });
  }
}

const isTrainingData = ({ path, content }: ProjectFile): boolean =>
  /^data\/.*\.json$/.test(path) ||
  (/^data\/.*\.ya?ml$/.test(path) && /^["']?(?:nlu|rules|stories)["']?\s*:/m.test(content));

/** Is there anything in a Python file beside comments and texts? `rasa init` writes one that has nothing. */
function hasCode(content: string): boolean {
  const bare = content.replace(/("""|''')[\s\S]*?\1/g, '').replace(/^\s*#.*$/gm, '');
  return bare.trim() !== '';
}
