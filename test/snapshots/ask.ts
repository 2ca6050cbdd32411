import assert from 'node:assert/strict';
import { startChild } from '../../src/child.js';

/** What the bot answers to texts, through Rasa's own agent; of ours only the archive's components, and the lighter import that saves ten seconds. */
const asking = `
import asyncio, json, sys
from switchboard_rasa import lazy
lazy.install()
from rasa.core.agent import Agent
from rasa.core.channels.channel import CollectingOutputChannel, UserMessage
class Whole(CollectingOutputChannel):
    async def send_text_message(self, recipient, text, **kwargs): await self._persist_message(self._message(recipient, text=text))
asked = json.loads(sys.stdin.readline())
agent = Agent.load(asked["model"])
async def answers():
    for at, text in enumerate(asked["texts"]):
        out = Whole()
        await agent.handle_message(UserMessage(text, out, f"s{at}"))
        print("ANSWER " + json.dumps(out.messages), flush=True)
asyncio.run(answers())
`;

/** The answers of a trained archive to each text, each in a conversation of its own (`s0`, `s1` …). */
export async function ask(
  { python, packageDir, home }: { python: string; packageDir: string; home: string },
  model: string,
  texts: string[],
): Promise<unknown[]> {
  const answers: unknown[] = [];
  const child = startChild({
    command: python,
    args: ['-c', asking],
    onStdoutLine: (line) => {
      if (line.startsWith('ANSWER ')) answers.push(JSON.parse(line.slice(7)));
    },
    cwd: home,
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: home,
      PYTHONPATH: packageDir,
      RASA_TELEMETRY_ENABLED: 'false',
      TF_CPP_MIN_LOG_LEVEL: '3',
    },
    stdinLine: JSON.stringify({ model, texts }),
    maxLine: 100_000,
  });
  await child.exited;
  assert.equal(answers.length, texts.length, child.lines().slice(-20).join('\n'));
  return answers;
}
