/** Trainers and nodes beside the hubs of a rig, each a process of its own that is started again when it was killed. */
import { startNodeProcess } from '../support/node.js';
import type { Rig } from './rig.js';
import { startTrainerProcess } from './training-rig.js';

const lockMs = 2000;
const hubsOf = (rig: Rig): string[] => rig.hubs.map((_, which) => rig.urlOf(which));

/** Processes of one kind, by their numbers. */
export class Hosts {
  private readonly running: { kill(): Promise<void> }[] = [];

  constructor(private readonly launch: (which: number) => Promise<{ kill(): Promise<void> }>) {}

  async start(which: number): Promise<void> {
    this.running[which] = await this.launch(which);
  }

  /** kill -9. */
  async kill(which: number): Promise<void> {
    await this.running[which]?.kill();
  }

  async close(): Promise<void> {
    await Promise.all(this.running.map((host) => host.kill()));
  }
}

export function trainersOf(rig: Rig): Hosts {
  return new Hosts((which) =>
    startTrainerProcess({
      redis: rig.redis?.url ?? '',
      hub: hubsOf(rig).join(','),
      token: rig.adminToken,
      dataDir: `${rig.dataDir}/trainer${which}`,
      lockMs,
      jobMs: 400,
    }),
  );
}

/** Nodes whose bots answer from the rig's journal. Each keeps its folder, and so its id, over its deaths. */
export function nodesOf(rig: Rig): Hosts {
  return new Hosts((which) =>
    startNodeProcess({
      hub: hubsOf(rig),
      address: `node${which}`,
      standIn: true,
      token: rig.adminToken,
      journal: rig.botUrl,
      dataDir: `${rig.dataDir}/node${which}`,
    }),
  );
}
