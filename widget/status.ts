/** One line that says what the person waits for, from what the hub told and how the connection stands. */
import type { Progress } from '../connectors/web/protocol.js';
import type { Line } from './session.js';
import type { Words } from './text.js';

export interface Status {
  /** `ready` needs no line of its own; the others get one. */
  tone: 'ready' | 'busy' | 'problem';
  text: string;
  /** What happens in detail, in the hub's words. */
  detail: string | null;
  /** 0..100 where it is known. */
  percent: number | null;
  /** Is there a connection? */
  online: boolean;
}

const plain = (tone: Status['tone'], text: string): Status => ({
  tone,
  text,
  detail: null,
  percent: null,
  online: true,
});
const cutOff = (tone: Status['tone'], text: string): Status => ({ ...plain(tone, text), online: false });

function ofLine(line: Line, words: Words): Status | null {
  if (line === 'connecting') return cutOff('busy', words.connecting);
  if (line === 'lost') return cutOff('busy', words.reconnecting);
  if (line === 'offline') return cutOff('problem', words.offline);
  if (line === 'refused') return cutOff('problem', words.refused);
  return null;
}

/** `progress` is null until the hub has told it. */
export function statusOf(line: Line, progress: Progress | null, words: Words): Status {
  const cut = ofLine(line, words);
  if (cut) return cut;
  if (!progress || progress.ready) return plain('ready', words.ready);
  if (progress.training) {
    const { percent, eta, stage } = progress.training;
    return {
      tone: 'busy',
      text: words.training(Math.round(percent), eta),
      detail: stage || null,
      percent,
      online: true,
    };
  }
  if (progress.problem === 'no_model') return plain('problem', words.untrained);
  if (progress.problem) return plain('problem', words.problem(progress.problem));
  const states = {
    asleep: words.asleep,
    waking: words.waking,
    draining: words.draining,
    awake: words.waking,
    quarantined: words.problem(''),
  };
  return plain('busy', states[progress.state]);
}
