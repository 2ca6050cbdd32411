/** The conversation of the pane to try a bot: with the version that answers, and with another one beside it. */
import { useRef, useState } from 'react';

import type { BotMessageWire } from '../../src/wire';
import type { Understood } from '../api';
import { useApi } from '../session';

/** What one version said. */
export interface Said {
  replies?: BotMessageWire[];
  understood?: Understood;
  /** From the sending to the whole answer. */
  ms?: number;
  problem?: string;
}
export interface Exchange extends Said {
  id: number;
  text: string;
  /** Of the other version; absent: there was none. */
  other?: Said;
}
interface With {
  /** The other version; null: the one that answers is tried alone. */
  version: string | null;
  /** Null: the bot finds out. */
  language: string | null;
}

const wordsIn = (error: unknown): string => (error instanceof Error ? error.message : String(error));

export function useTalk(appId: string, { version, language }: With) {
  const api = useApi();
  const [talk, setTalk] = useState<Exchange[]>([]);
  /** A conversation of this pane's own. */
  const [sender] = useState(() => `console-${crypto.randomUUID()}`);
  const next = useRef(0);
  const chosen = language === null ? {} : { language };
  const say = (text: string): void => {
    const id = (next.current += 1);
    const change = (fields: (one: Exchange) => Partial<Exchange>): void =>
      setTalk((all) => all.map((one) => (one.id === id ? { ...one, ...fields(one) } : one)));
    setTalk((all) => [...all, { id, text, ...(version === null ? {} : { other: {} }) }]);
    const started = performance.now();
    // The answer first: a bot that is in training answers when it is ready, and has nothing to parse with before.
    void api
      .say(appId, { sender, message: text, ...(language === null ? {} : { metadata: chosen }) })
      .then(async (replies) => {
        change(() => ({ replies, ms: Math.round(performance.now() - started) }));
        if (text.startsWith('/')) return;
        const understood = await api.parse(appId, { text, ...chosen });
        change(() => ({ understood }));
      })
      .catch((error: unknown) => change(() => ({ problem: wordsIn(error) })));
    if (version === null) return;
    const texts = [...talk.map((one) => one.text), text];
    void api
      .tryVersion(appId, version, { texts: texts.slice(-mostTexts), ...chosen })
      .then((other) => change(() => ({ other })))
      .catch((error: unknown) => change(() => ({ other: { problem: wordsIn(error) } })));
  };
  return { talk, say, clear: () => setTalk([]) };
}
/** So many texts are played to the other version; the hub takes no more. */
const mostTexts = 50;
