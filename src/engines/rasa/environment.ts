/** The whole environment of a Rasa process: nothing of ours but what was allowed by name, and everything it writes stays in its folder. */

export interface EnvironmentOptions {
  /** What it inherits of our environment, chosen by name. Never a secret: Rasa expands `${NAME}` in bots' files. */
  env: Readonly<Record<string, string>>;
  /** The folder that holds `switchboard_rasa`. */
  packageDir: string;
  /** Its working folder. */
  home: string;
  /** Threads for TensorFlow; 1 when absent, since many bots share the cores. */
  threads?: number;
}

/** Answers the environment. Never fails. */
export function rasaEnvironment({ env, packageDir, home, threads = 1 }: EnvironmentOptions): Record<string, string> {
  const count = String(threads);
  return {
    ...env,
    HOME: home,
    TMPDIR: home,
    LANG: 'C.UTF-8',
    PYTHONPATH: packageDir,
    PYTHONUNBUFFERED: '1',
    OMP_NUM_THREADS: '1',
    OPENBLAS_NUM_THREADS: '1',
    MALLOC_ARENA_MAX: '1',
    TF_NUM_INTRAOP_THREADS: count,
    TF_NUM_INTEROP_THREADS: count,
    TF_CPP_MIN_LOG_LEVEL: '3',
    // With oneDNN TensorFlow has an allocator that takes memory by the doubling and gives none back: a third of a bot's.
    TF_ENABLE_ONEDNN_OPTS: '0',
    RASA_TELEMETRY_ENABLED: 'false',
    SQLALCHEMY_SILENCE_UBER_WARNING: '1',
    NO_COLOR: '1',
  };
}
