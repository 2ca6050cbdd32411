/** A process of Rasa that begins without TensorFlow and may turn out to need it. */
import type { Child, ChildExit } from '../../child.js';

/** Exit code of a child whose parent lacks TensorFlow though the model wants it (switchboard_rasa/commands.py). */
const needsFull = 75;

/** A light child that may find that it needs more: then another takes its place, and nobody outside is told. */
export class PromotedChild implements Child {
  readonly exited: Promise<ChildExit>;
  private stopping: number | null = null;

  constructor(
    private child: Child,
    promote: () => Promise<Child>,
  ) {
    this.exited = child.exited.then((exit) =>
      exit.code === needsFull && this.stopping === null ? this.promoted(promote, exit) : exit,
    );
  }

  get pid(): number | null {
    return this.child.pid;
  }

  stop(graceMs = 2000): Promise<ChildExit> {
    this.stopping = graceMs;
    void this.child.stop(graceMs);
    return this.exited;
  }

  lines(): string[] {
    return this.child.lines();
  }

  private async promoted(promote: () => Promise<Child>, exit: ChildExit): Promise<ChildExit> {
    try {
      this.child = await promote();
    } catch (error) {
      return { ...exit, reason: String(error) };
    }
    // It may have been told to stop before it was there.
    if (this.stopping !== null) return this.child.stop(this.stopping);
    return this.child.exited;
  }
}
