import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { readHolder } from '../../../cli/serve/data-lock.ts';
import { databasePath } from '../../../cli/serve/snapshot.ts';
import { call, hostNames, startServing, withDir, writer } from './rig.ts';

const rounds = 3;

it(
  `F1: killed in the middle of writes, ${rounds} times, it forgets nothing that it acknowledged`,
  () =>
    withDir(async (dir) => {
      let token: string | null = null;
      const acknowledged: string[] = [];
      for (let round = 0; round < rounds; round++) {
        const serving = await startServing(dir);
        token ??= serving.adminToken!;
        if (round === 0) expect((await call(serving.url, token, '/hosts')).status).toBe(200);
        const names = new Set(await hostNames(serving.url, token));
        expect(acknowledged.filter((name) => !names.has(name))).toEqual([]);
        const writes = [0, 1, 2, 3].map((lane) => writer(serving.url, token!, `r${round}l${lane}`));
        await sleep(300 + Math.random() * 700);
        const holder = await readHolder(dir);
        // Now the program, now the database's own process: whichever dies, the other goes with it.
        if (round % 2 === 0) await serving.kill();
        else {
          process.kill(holder!.workerd_pid!, 'SIGKILL');
          await sleep(50);
          await serving.kill();
        }
        await Promise.all(writes.map(({ written }) => written));
        const got = writes.flatMap((write) => write.acknowledged);
        expect(got.length).toBeGreaterThan(0);
        acknowledged.push(...got);
      }
      const last = await startServing(dir);
      const names = new Set(await hostNames(last.url, token!));
      expect(acknowledged.filter((name) => !names.has(name))).toEqual([]);
      expect(await last.stop()).toBe(0);
      const database = new DatabaseSync((await databasePath(dir))!);
      expect(database.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' });
      // As docs/backup.md says. A connection's own setting is workerd's: FULL, as it is built.
      expect(database.prepare('PRAGMA journal_mode').get()).toEqual({ journal_mode: 'wal' });
      database.close();
    }),
  300_000,
);
