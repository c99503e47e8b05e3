import type { Disk } from '../../agent/disk.ts';
import type { Actor } from './clock.ts';
import type { World } from './world.ts';

const text = { full: 'no space left on device' };

/**
 * A host's disk in memory. What a promise resolved for is kept; a record that was being appended when the power went is
 * torn at any byte (F42); a full disk takes nothing (F21, F22).
 */
export class SimDisk {
  readonly files = new Map<string, string>();
  full = false;
  readonly #world: World;
  readonly #name: string;
  readonly #appending = new Set<{ path: string; text: string }>();

  constructor(world: World, name: string) {
    this.#world = world;
    this.#name = name;
  }

  powerLoss(): void {
    for (const write of this.#appending) {
      const torn = write.text.slice(0, Math.floor(this.#world.random.next() * write.text.length));
      this.files.set(write.path, (this.files.get(write.path) ?? '') + torn);
      this.#world.trace(this.#name, `power lost, ${write.path} torn at byte ${torn.length} of ${write.text.length}`);
    }
    this.#appending.clear();
  }

  /** As one process sees it: dead, it neither reads nor writes. */
  for(process: Actor): Disk {
    const act = <T>(run: () => T) => this.#act(process, run);
    return {
      read: (path) => act(() => this.files.get(path) ?? null),
      list: (directory) =>
        act(() =>
          [...this.files.keys()]
            .filter((path) => path.startsWith(`${directory}/`))
            .map((path) => path.slice(directory.length + 1)),
        ),
      replace: (path, content) =>
        this.#write(process, path, () => {
          this.files.set(path, content);
        }),
      openToAppend: (path) =>
        act(() => ({
          append: (record) => {
            const write = { path, text: record };
            this.#appending.add(write);
            return this.#write(process, path, () => {
              if (this.#appending.delete(write)) this.files.set(path, (this.files.get(path) ?? '') + record);
            }).finally(() => this.#appending.delete(write));
          },
          close: () => Promise.resolve(),
        })),
    };
  }

  #write(process: Actor, path: string, run: () => void): Promise<void> {
    return this.#act(process, () => {
      const point = `${this.#name} ${path.includes('journal') ? 'journal' : 'ledger'}`;
      this.#world.crashPoint(`before ${point}`, process);
      if (!process.alive) return;
      if (this.full) throw Object.assign(new Error(text.full), { code: 'ENOSPC' });
      run();
      this.#world.crashPoint(`after ${point}`, process);
    });
  }

  #act<T>(process: Actor, run: () => T): Promise<T> {
    return this.#world.port(process, this.#world.random.between(0.1, 2), run);
  }
}
