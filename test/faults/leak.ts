/**
 * A Python whose Rasa processes leak on request: a thread of their own, started after a fork too, takes 50 MB a second from the moment
 * when a file with their process id lies in the folder.
 */
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const leaky = (folder: string): string => `
import os, runpy, sys, threading, time

def watch():
    held = []
    while not os.path.exists(os.path.join(${JSON.stringify(folder)}, str(os.getpid()))):
        time.sleep(0.05)
    while True:
        held.append(b"\\x01" * (5 * 1024 * 1024))
        time.sleep(0.1)

def start():
    threading.Thread(target=watch, daemon=True).start()

module = sys.argv[1]
sys.argv = sys.argv[1:]
os.register_at_fork(after_in_child=start)
# The preloaded parent must have no threads.
if not module.endswith(".host"):
    start()
runpy.run_module(module, run_name="__main__", alter_sys=True)
`;

/** Makes it in `folder` around the real `python`; answers its path. */
export async function leakyPython(folder: string, python: string): Promise<string> {
  const script = join(folder, 'leaky.py');
  const path = join(folder, 'python');
  await writeFile(script, leaky(folder));
  const ours = `if [ "$1" = "-m" ] && [ "\${2#switchboard_rasa.}" != "$2" ]; then shift; exec "${python}" "${script}" "$@"; fi`;
  await writeFile(path, `#!/bin/sh\n${ours}\nexec "${python}" "$@"\n`);
  await chmod(path, 0o755);
  // Bots may have a user each, and look here for their file.
  await chmod(folder, 0o755);
  return path;
}

/** Makes the process with this id leak. */
export function startLeak(folder: string, pid: number): Promise<void> {
  return writeFile(join(folder, String(pid)), '');
}
