/** On what trainings compute here: asks the Python that trains, for only its TensorFlow knows. */
import { existsSync } from 'node:fs';
import { z } from 'zod';
import { startChild } from '../child.js';
import { within } from '../deadline.js';

export interface Device {
  /** In words, e.g. `cuda: NVIDIA A10`, or `cpu: ` and why it is no GPU. */
  words: string;
  cuda: boolean;
}
const probe = `
import json, tensorflow as tf
gpus = tf.config.list_physical_devices('GPU')
names = [tf.config.experimental.get_device_details(gpu).get('device_name', gpu.name) for gpu in gpus]
print(json.dumps({'gpus': names, 'built': tf.test.is_built_with_cuda()}))
`;
const Answer = z.object({ gpus: z.array(z.string()), built: z.boolean() });
const probeMs = 120_000;

/** Starts that Python once (some seconds). Never rejects: what cannot be found out is said. */
export async function deviceOf(options: {
  python: string;
  env: Readonly<Record<string, string>>;
  folder: string;
}): Promise<Device> {
  let answer: z.infer<typeof Answer> | null = null;
  const child = startChild({
    command: options.python,
    args: ['-c', probe],
    cwd: options.folder,
    env: { ...options.env, HOME: options.folder, TF_CPP_MIN_LOG_LEVEL: '3' },
    onStdoutLine: (line) => (answer = answerOf(line) ?? answer),
  });
  if ((await within(child.exited, probeMs)) === null) await child.stop();
  return wordsOf(answer, existsSync('/dev/nvidiactl'));
}

/** What the probe's answer means on a machine with or without NVIDIA's driver. */
export function wordsOf(answer: z.infer<typeof Answer> | null, driver: boolean): Device {
  if (answer && answer.gpus.length > 0) return { words: `cuda: ${answer.gpus.join(', ')}`, cuda: true };
  const why =
    answer === null
      ? 'TensorFlow did not say what it sees'
      : answer.built
        ? missing(driver)
        : 'this TensorFlow is built without CUDA';
  return { words: `cpu: ${why}`, cuda: false };
}

const missing = (driver: boolean): string =>
  driver ? 'TensorFlow does not find the CUDA libraries of this machine' : 'this machine has no NVIDIA driver';

function answerOf(line: string): z.infer<typeof Answer> | null {
  try {
    return Answer.parse(JSON.parse(line));
  } catch {
    return null;
  }
}
