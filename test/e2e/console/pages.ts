/** Every page in both languages and both themes. */
import assert from 'node:assert/strict';

import { type ConsoleSuite, picture, violations, walkTo } from '../../support/console.js';

/** `shop`: a bot that is trained. */
export function everyPage(at: ConsoleSuite, shop: () => string): void {
  describe('every page', () => {
    const pages = [
      '',
      '/conversations',
      '/misses',
      '/project',
      '/training',
      '/findings',
      '/tests',
      '/tests/questions',
      '/tests/promotion',
      '/tests/rules',
      '/analytics',
      '/channels',
      '/process',
      '/access',
      '/access/keys',
      '/access/audit',
    ];
    /** The others have pictures with more on them, made where that is tested. */
    const pictured = ['home', 'new', 'questions', 'training', 'channels', 'process'];
    for (const [language, options] of [
      ['en', {}],
      ['zh', { locale: 'zh-CN', colorScheme: 'dark', viewport: { width: 390, height: 844 } }],
    ] as const) {
      it(`is there in ${language === 'en' ? 'English, light' : 'Chinese, in the dark, on a phone'}, with nothing that keeps people out`, async () => {
        const { page, errors } = await at.open('/', options);
        const faults: string[] = [];
        const wanted: [string, string][] = [
          ['home', '/'],
          ['new', '/new'],
          ['dead-letters', '/dead-letters'],
          ['waiting', '/waiting'],
          ['settings', '/settings'],
          ['settings/users', '/settings/users'],
          ['settings/templates', '/settings/templates'],
          ...pages.map((path): [string, string] => [path.slice(1) || 'questions', `/bots/${shop()}${path}`]),
        ];
        for (const [name, path] of wanted) {
          await walkTo(page, path);
          if (name === 'channels') await page.getByRole('button', { name: /^Slack/ }).click();
          await page.evaluate('document.fonts.ready');
          // Not every machine that makes pictures has Chinese letters.
          if (language === 'en' && pictured.includes(name)) await picture(page, name);
          faults.push(...(await violations(page)).map((fault) => `${path} ${fault}`));
          const more = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';
          if ((await page.evaluate<number>(more)) > 0) faults.push(`${path} is wider than the screen`);
          const bare = (await page.locator('body').innerText()).match(
            /\b(?:nav|home|new|project|found|grid|pair|state|job|training|versions|channels|field|help|process|options|dead|try|talk|care|review|keys|people|users|own|access|audit|role|templates|waiting|desk|retention|miss|tests|gate|figures)\.[a-zA-Z]+\b/g,
          );
          faults.push(
            ...(bare ?? [])
              .filter((word) => !/^(?:new|home)\.$/.test(word))
              .map((word) => `${path} has no words for ${word}`),
          );
        }
        assert.deepEqual(faults, []);
        assert.equal(await page.locator('html').getAttribute('lang'), language);
        assert.deepEqual(errors, []);
      });
    }
  });
}
