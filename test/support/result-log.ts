import { appendFileSync } from 'node:fs';
import type { Reporter, TestCase, TestModule } from 'vitest/node';

/** A line of the log. */
export type Result =
  | { kind: 'test'; state: string }
  /** `broken`: it could not be loaded or cleaned up, though no test of it failed. */
  | { kind: 'file'; file: string; ms: number; broken: boolean }
  | { kind: 'end' };

/** Appends each result as a line of JSON when it is known: a run that is cut off has told what it did. */
export default class ResultLog implements Reporter {
  readonly #path = process.env.STACKFERRY_RESULTS;

  onTestCaseResult(test: TestCase): void {
    this.#append({ kind: 'test', state: test.result().state });
  }

  onTestModuleEnd(module: TestModule): void {
    const failed = [...module.children.allTests('failed')];
    const broken = module.state() === 'failed' && failed.length === 0;
    this.#append({ kind: 'file', file: module.relativeModuleId, ms: module.diagnostic().duration, broken });
  }

  onTestRunEnd(): void {
    this.#append({ kind: 'end' });
  }

  #append(result: Result): void {
    if (this.#path) appendFileSync(this.#path, `${JSON.stringify(result)}\n`);
  }
}
