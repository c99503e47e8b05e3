import type { LeftOut } from '../../../schema/facts.ts';
import { leftOutPaths, leftOutWords } from '../../../schema/left-out.ts';
import { Card, Facts } from './list.tsx';

/** What a migration left on its source. */
export function LeftOutCard({ left }: { left: LeftOut[] }) {
  if (left.length === 0) return null;
  return (
    <Card title="Left out" id="left-out">
      <Facts
        rows={left.map((one): [string, string] => {
          const words = leftOutWords(one);
          return [one.pattern, words === null ? 'nothing' : `${words}: ${leftOutPaths(one)}`];
        })}
      />
    </Card>
  );
}
