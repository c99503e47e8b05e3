import type { LeftOut } from '../../../schema/facts.ts';
import { leftOutPaths, leftOutWords } from '../../../schema/left-out.ts';
import { limits } from '../../../schema/limits.ts';
import { Field, type Fields, Hidden } from './form.tsx';
import { Card, Facts } from './list.tsx';

/** The patterns of a field with one on each line. */
export const patternsIn = (field: string | null): string[] =>
  (field ?? '')
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '');

interface ExclusionProps {
  exclude: string[];
  fields: Fields;
  action: string;
}

/** Asks for another report, with other patterns of what stays. */
export function Exclusion({ exclude, fields, action }: ExclusionProps) {
  const { excludePatternCharsMax, excludePatternsMax } = limits.api;
  return (
    <Card title="Leave out" id="exclude">
      <p>
        Paths of the source, one on each line, that stay there: in the project directory and in the bind mounts that
        move. A volume moves whole.
      </p>
      <form method="get" action={action} data-slow="Checking…">
        <Hidden fields={fields} />
        <Field
          id="exclude_patterns"
          label="Patterns"
          hint="/srv/media/cache, /srv/media/**/*.part: * and ? match within a name, ** directories"
        >
          <textarea
            id="exclude_patterns"
            name="exclude"
            rows={3}
            maxlength={(excludePatternCharsMax + 2) * excludePatternsMax}
            spellcheck={false}
          >
            {exclude.join('\n')}
          </textarea>
        </Field>
        <p class="acts">
          <button type="submit">Check with these</button>
        </p>
      </form>
    </Card>
  );
}

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
