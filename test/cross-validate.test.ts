import assert from 'node:assert/strict';
import type { FaqPair, TrainingContent } from '../src/contracts.js';
import { crossValidate, split } from '../src/training/cross-validate.js';
import { someBot } from './support/engines.js';

const pair = (id: string, ...questions: string[]): FaqPair => ({ id, questions, answer: `answer of ${id}` });

describe('A cross-validation', () => {
  it('holds each question back once, but for those that a pair has alone', () => {
    const pairs = [
      pair('a', '1', '2', '3', '4', '5'),
      pair('b', '6', '7'),
      pair('c', '8'),
      { ...pair('d', '9', '10'), language: 'zh' },
    ];
    const held: string[] = [];
    for (let fold = 0; fold < 3; fold += 1) {
      const parts = split(pairs, { fold, folds: 3 });
      const [kept, away] = [parts.kept, parts.held].map((some) => some.flatMap(({ questions }) => questions));
      assert.deepEqual([...(kept ?? []), ...(away ?? [])].sort(), ['1', '10', '2', '3', '4', '5', '6', '7', '8', '9']);
      assert.ok(parts.kept.every(({ questions }) => questions.length > 0));
      held.push(...(away ?? []));
    }
    assert.deepEqual(held.sort(), ['1', '2', '3', '4', '5', '6', '7']);
  });

  it('says which answers came in place of the right ones', async () => {
    const bot = { ...someBot(), options: {} };
    const pairs = [pair('a', 'one', 'two'), pair('b', 'three', 'four')];
    const content = { bot, pairs, files: [], yaml: null } as unknown as TrainingContent;
    const trained: string[][] = [];
    const result = await crossValidate(
      {
        train: (kept) => {
          trained.push(kept.pairs.flatMap(({ questions }) => questions));
          return Promise.resolve({ archivePath: '/nowhere' });
        },
        ask: (_content, { yaml }) => {
          const texts = ['one', 'two', 'three', 'four'].filter(
            (text) => yaml.includes(`- ${text}\n`) || yaml.includes(text),
          );
          const predicted = (text: string): string | null =>
            text === 'four' ? 'faq/a' : text === 'three' ? null : 'faq/a';
          return Promise.resolve({
            intent_evaluation: { predictions: texts.map((text) => ({ text, predicted: predicted(text) })) },
          });
        },
      },
      { content, folds: 2 },
      new AbortController().signal,
    );
    assert.deepEqual(
      trained.map((texts) => texts.length),
      [2, 2],
    );
    assert.deepEqual([result.asked, result.accuracy], [4, 0.5]);
    assert.deepEqual(result.pairs, [
      { id: 'b', asked: 2, right: 0 },
      { id: 'a', asked: 2, right: 2 },
    ]);
    assert.deepEqual(
      result.wrong.sort((x, y) => x.question.localeCompare(y.question)),
      [
        { question: 'four', pair: 'b', got: 'answer of a' },
        { question: 'three', pair: 'b', got: null },
      ],
    );
    const lonely = { ...content, pairs: [pair('a', 'one')] };
    const parts = { train: () => Promise.reject(new Error('not needed')), ask: () => Promise.resolve(null) };
    await assert.rejects(crossValidate(parts, { content: lonely, folds: 2 }, new AbortController().signal), {
      code: 'invalid',
    });
  });
});
