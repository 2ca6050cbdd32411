/**
 * Texts of any size. A document ends at 16 MB, so a text is kept in pieces; what it belongs to names them. Pieces are written before they
 * are named, and those that nobody names any more are removed at the next write. Where several hubs share the database only those that a
 * write has replaced are removed by it: others may be on their way to be named. What a cut has left of them goes with the bot.
 */
import type { Mongo } from './database.js';
import type { Collection, Stored } from './declare.js';
import type { Numbers } from './facts.js';
import type { Table } from './table.js';

interface TextDoc extends Stored {
  _id: number;
  appId: string;
  /** What it is part of: `faq` or `files`. */
  part: string;
  text: string;
}
type Questions = 'byIds' | 'ofPart' | 'ofBot';
export const texts: Collection<TextDoc, Questions> = {
  name: 'texts',
  fields: { _id: 'number', appId: 'string', part: 'string', text: 'string' },
  indexes: { of_part: { keys: ['appId', 'part'] } },
  questions: {
    byIds: { index: 'id', equal: ['_id'] },
    ofPart: { index: 'of_part', equal: ['appId', 'part'] },
    ofBot: { index: 'of_part', equal: ['appId'] },
  },
};
/** UTF-16 units; in the worst case each takes five bytes. */
const pieceLength = 2_000_000;

/** A bot's texts of one part. */
export interface TextsOf {
  appId: string;
  part: 'faq' | 'files';
}

export class Texts {
  private readonly table: Table<TextDoc, Questions>;

  constructor(
    mongo: Mongo,
    private readonly numbers: Numbers,
    private readonly shared = false,
  ) {
    this.table = mongo.table(texts);
  }

  /** Stores a text; answers the ids of its pieces. */
  async add(of: TextsOf, text: string): Promise<number[]> {
    const ids = await this.numbers.take(Math.ceil(text.length / pieceLength));
    for (const [place, _id] of ids.entries()) {
      await this.table.insert({ _id, ...of, text: text.slice(place * pieceLength, (place + 1) * pieceLength) });
    }
    return ids;
  }

  /** The text of these pieces; null when one is gone, because the text was replaced meanwhile. */
  async read(ids: number[]): Promise<string | null> {
    let text = '';
    for (const id of ids) {
      const piece = await this.table.byId(id);
      if (!piece) return null;
      text += piece.text;
    }
    return text;
  }

  /** Removes what is not named any more, once `now` is named in place of `before`. */
  async keep(of: TextsOf, { before, now }: { before: number[]; now: number[] }): Promise<void> {
    if (!this.shared) return void (await this.table.remove('ofPart', { ...of }, now));
    const replaced = before.filter((id) => !now.includes(id));
    if (replaced.length > 0) await this.table.remove('byIds', { _id: replaced });
  }

  sweep(appId: string): Promise<number> {
    return this.table.remove('ofBot', { appId });
  }
}
