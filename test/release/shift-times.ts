import { DatabaseSync, type SQLInputValue } from 'node:sqlite';

const dayMs = 24 * 3_600_000;

/**
 * Makes a database that was kept at `madeAt` look as if that were now: every time in it, also within JSON, that lies
 * near to that moment moves by as much. Else all deadlines were long over.
 */
export function shiftTimes(file: string, madeAt: number, now: number): void {
  const moved = (ms: number) => (ms > madeAt - dayMs && ms < madeAt + 60 * dayMs ? ms + now - madeAt : ms);
  const later = (value: unknown) => {
    if (typeof value === 'number') return moved(value);
    if (typeof value !== 'string') return value;
    return value.replaceAll(/\b\d{13}\b/g, (digits) => String(moved(Number(digits))));
  };
  const database = new DatabaseSync(file);
  database.exec('BEGIN');
  const tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND sql IS NOT NULL").all();
  for (const { name } of tables) {
    if (/^(sqlite_|_cf_)/.test(String(name))) continue;
    for (const { row_here, ...row } of database.prepare(`SELECT rowid AS row_here, * FROM "${name}"`).all()) {
      for (const [column, value] of Object.entries(row)) {
        const next = later(value);
        if (next === value) continue;
        database.prepare(`UPDATE "${name}" SET "${column}" = ? WHERE rowid = ?`).run(next as SQLInputValue, row_here!);
      }
    }
  }
  database.exec('COMMIT');
  database.close();
}
