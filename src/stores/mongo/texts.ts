/**
 * Texts of any size. A document ends at 16 MB, so a text is kept in pieces; what it belongs to names them. Pieces are written before they
 * are named, and those that nobody names any more are removed at the next write.
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

  /** Removes all pieces of a part but these. */
  async keep(of: TextsOf, ids: number[]): Promise<void> {
    await this.table.remove('ofPart', { ...of }, ids);
  }

  sweep(appId: string): Promise<number> {
    return this.table.remove('ofBot', { appId });
  }
}
