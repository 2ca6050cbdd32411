/** The commands that speak to a running hub. */
import type { Command } from 'commander';
import { type Client, createClient, HubRefusal, HubUnreachable } from '../client.js';
import type { Config } from '../config.js';
import { doctor } from './doctor.js';
import { CliError, createOutput, type ExitCode, exitCodes, type Output, type Streams } from './output.js';
import { pull, push, type PushOptions } from './sync.js';
import { logs, parse, talk } from './talk.js';
import { type Environment, type Target, targetOf } from './target.js';
import { listJobs, trainAndWait, type TrainOptions } from './train.js';

export interface CliOptions {
  env: Environment;
  streams: Streams;
  input: NodeJS.ReadableStream & { isTTY?: boolean };
  /** The hub's own settings on this machine; throws what does not fit. */
  config: () => Config;
  exit: (code: ExitCode) => void;
}
interface Common {
  hub?: string;
  config?: string;
  json?: boolean;
}
interface Tools {
  client: Client;
  output: Output;
}

const secretHint =
  'The key: HUB_KEY, HUB_KEY_FILE, or "key:" in the file; never a word of the command line, which others can read.';

function codeOf(error: unknown): ExitCode {
  if (error instanceof CliError) return error.code;
  if (error instanceof HubUnreachable) return exitCodes.unreachable;
  return error instanceof HubRefusal && [401, 403].includes(error.status) ? exitCodes.denied : exitCodes.failed;
}

/** Faults with their places, where the hub named some. */
function wordsOf(error: unknown): string[] {
  if (!(error instanceof Error)) return [String(error)];
  const errors = error instanceof HubRefusal ? (error.problem.errors ?? []) : [];
  return [error.message, ...errors.slice(0, 20).map(({ pointer, detail }) => `  ${pointer}: ${detail}`)];
}

class Commands {
  constructor(
    private readonly program: Command,
    private readonly options: CliOptions,
  ) {}

  /** A command with the options that all of them have. */
  private command(name: string, description: string): Command {
    return this.program
      .command(name)
      .description(description)
      .option('--hub <url>', 'the hub; else HUB_URL, "hub:" in the file, or http://127.0.0.1:5005')
      .option('--config <file>', 'the file with hub and key; else SWITCHBOARD_CONFIG or ~/.config/switchboard/cli.yml')
      .option('--json', 'one JSON value for machines')
      .addHelpText('after', `\n${secretHint}`);
  }

  private async run(common: Common, work: (output: Output) => Promise<void>): Promise<void> {
    const output = createOutput(this.options.streams, common.json ?? false);
    try {
      await work(output);
    } catch (error) {
      output.settled();
      this.options.streams.err(`${wordsOf(error).join('\n')}\n`);
      this.options.exit(codeOf(error));
    }
  }

  private target(common: Common): Target {
    return targetOf(common, this.options.env);
  }

  private atHub(common: Common, work: (tools: Tools) => Promise<void>): Promise<void> {
    return this.run(common, (output) => work({ output, client: createClient(this.target(common)) }));
  }

  add(): void {
    this.addProject();
    this.addTalk();
    this.command('doctor', 'says what is missing or misconfigured, here and at the hub, and how to mend it').action(
      (common: Common) =>
        this.run(common, (output) =>
          doctor({ output, config: this.options.config, target: () => this.target(common), client: createClient }),
        ),
    );
  }

  private addProject(): void {
    this.command('push', "make a folder's Rasa project the bot's")
      .argument('<appId>')
      .argument('<folder>')
      .option('--train', 'and train from it')
      .option('--wait', 'and wait until the training has ended; fails when it failed')
      .option('--force', 'train also when nothing has changed')
      .action((appId: string, folder: string, given: Common & PushOptions) =>
        this.atHub(given, (tools) => push(tools, { appId, folder }, given)),
      );
    this.command('pull', "write the bot's Rasa project into a folder")
      .argument('<appId>')
      .argument('<folder>')
      .action((appId: string, folder: string, given: Common) =>
        this.atHub(given, (tools) => pull(tools, { appId, folder })),
      );
    this.command('train', 'train a bot from what the hub has of it')
      .argument('<appId>')
      .option('--wait', 'until it has ended; fails when it failed')
      .option('--force', 'also when nothing has changed')
      .action((appId: string, given: Common & TrainOptions) =>
        this.atHub(given, (tools) =>
          trainAndWait(tools, appId, { wait: given.wait ?? false, force: given.force ?? false }),
        ),
      );
    this.command('jobs', "a bot's trainings, newest first")
      .argument('<appId>')
      .action((appId: string, given: Common) => this.atHub(given, (tools) => listJobs(tools, appId)));
  }

  private addTalk(): void {
    this.command('talk', 'talk to a bot; reads lines')
      .argument('<appId>')
      .option('--sender <name>', 'who you are', 'terminal')
      .action((appId: string, given: Common & { sender: string }) =>
        this.atHub(given, (tools) => talk(tools, { appId, sender: given.sender }, this.options.input)),
      );
    this.command('parse', 'what a bot understands of a text')
      .argument('<appId>')
      .argument('<text>')
      .action((appId: string, text: string, given: Common) => this.atHub(given, (tools) => parse(tools, appId, text)));
    this.command('logs', "the newest lines of a bot's process")
      .argument('<appId>')
      .option('--follow', 'stay, and show new ones')
      .action((appId: string, given: Common & { follow?: boolean }) => {
        const signal = new AbortController();
        process.once('SIGINT', () => signal.abort());
        const options = { follow: given.follow ?? false, signal: signal.signal };
        return this.atHub(given, (tools) => logs(tools, appId, options));
      });
  }
}

/** Adds the commands to `program`. */
export function addCommands(program: Command, options: CliOptions): void {
  new Commands(program, options).add();
}
