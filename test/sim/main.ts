import { parseArgs } from 'node:util';
import { plants } from './planted.ts';
import { randomRun } from './run.ts';

const { values: flags } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1' },
    seed: { type: 'string' },
    trace: { type: 'boolean', default: false },
    planted: { type: 'boolean', default: false },
  },
});
const first = Number(flags.seed ?? 1);
const count = Number(flags.seeds);
// The microtask checkpoints of virtual time need a task of the real loop to run in.
setImmediateOnce(() => {
  if (flags.planted) {
    let caught = 0;
    for (const plant of plants) {
      let seed = 0;
      let verdict = null;
      while (!verdict && seed < 300) verdict = randomRun(++seed, { plant });
      if (verdict) caught += 1;
      console.log(`${verdict ? 'caught' : 'MISSED'} ${plant.name}: seed ${seed}: ${verdict}`);
    }
    console.log(`caught ${caught} of ${plants.length}`);
    return;
  }
  let failed = 0;
  const began = process.hrtime.bigint();
  for (let seed = first; seed < first + count; seed++) {
    const verdict = randomRun(seed, flags.trace ? { trace: (line) => console.log(line) } : {});
    if (verdict) {
      failed += 1;
      console.log(`seed ${seed}: ${verdict}`);
    }
  }
  console.error(`${Number(process.hrtime.bigint() - began) / 1e9} s`);
  console.log(`${count - failed} passed, ${failed} failed`);
});

function setImmediateOnce(run: () => void): void {
  setImmediate(run);
}
