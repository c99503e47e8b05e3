import { limits } from '../../schema/limits.ts';
import type { LedgerEntry } from '../migration-ledger.ts';
import { actAt, type Expiry } from './expiry.ts';
import type { KeeperOptions } from './keeper-options.ts';
import { ruleName } from './rules.ts';

/** Acts on one migration, in its turn. */
export type GiveTurn = (migrationId: string, act: () => Promise<void>) => Promise<void>;

/**
 * Has the holder let go of what it took, then forgets it. In this order: a holder that still has something puts its rules back
 * whenever they are gone, so until it has answered, or is dead, the record stays. It is due meanwhile, so that no agent takes
 * it up again, and the request is repeated.
 */
export class Forgetting {
  readonly #options: Required<KeeperOptions>;
  readonly #turn: GiveTurn;
  readonly #retries = new Map<string, Expiry>();
  /** How often the holder was told in vain. */
  readonly #tries = new Map<string, number>();
  #isShut = false;

  constructor(options: Required<KeeperOptions>, turn: GiveTurn) {
    this.#options = options;
    this.#turn = turn;
  }

  /** Throws why the holder could not be told. */
  async forget(migrationId: string, how: 'end' | 'release'): Promise<void> {
    const { ledger, holder, log } = this.#options;
    const isAgain = this.stop(migrationId);
    await ledger.amend(migrationId, (entry) => {
      if (entry.forwarding) entry.forwarding.until_ms = 0;
    });
    try {
      await holder[how](migrationId);
      await ledger.amend(migrationId, (entry) => {
        entry.forwarding = null;
      });
      this.#tries.delete(migrationId);
    } catch (error) {
      if (!isAgain) log.of(migrationId).error('what is held could not be let go yet', { error });
      this.#retryLater(migrationId, how);
      // Of a holder that does not answer, they stand in nobody's way until it does.
      await this.sweep().catch(() => {});
      throw error;
    }
    await this.sweep();
  }

  /** Tells the holder no more: it is wanted again. Returns false if it was not to be told. */
  stop(migrationId: string): boolean {
    this.#retries.get(migrationId)?.cancel();
    return this.#retries.delete(migrationId);
  }

  shut(): void {
    this.#isShut = true;
    for (const migrationId of [...this.#retries.keys()]) this.stop(migrationId);
  }

  /**
   * Removes rules that no record explains. The ledger is read when it is the turn of a name: another migration may have begun to
   * hold since.
   */
  async sweep(): Promise<void> {
    const { ledger, sweep, now } = this.#options;
    const explains = (entry: LedgerEntry, name: string) =>
      entry.forwarding !== null && now() < entry.forwarding.until_ms && ruleName(entry.migration_id) === name;
    await sweep((name) => ledger.all().some((entry) => explains(entry, name)));
  }

  #retryLater(migrationId: string, how: 'end' | 'release'): void {
    if (this.#isShut) return;
    const { now } = this.#options;
    const { reconnectDelayMsMax, forgetDelayMsMax } = limits.forward;
    const tries = this.#tries.get(migrationId) ?? 0;
    this.#tries.set(migrationId, tries + 1);
    const delayMs = Math.min(forgetDelayMsMax, reconnectDelayMsMax * 2 ** tries);
    const again = async () => {
      if (this.#retries.get(migrationId) === retry) await this.forget(migrationId, how);
    };
    const act = () => void this.#turn(migrationId, again).catch(() => {});
    const retry = actAt(now() + delayMs, act, now);
    this.#retries.set(migrationId, retry);
  }
}
