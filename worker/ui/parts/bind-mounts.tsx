import type { Report } from '../../../schema/preflight-report.ts';
import { sizeOr } from '../../../schema/units.ts';
import { type Fields, Hidden } from './form.tsx';
import { Card, Table } from './list.tsx';

/** Name of the field that has a bind mount's place on the target. */
export const placeField = (path: string): string => `place:${path}`;

interface BindsProps {
  binds: Report['bind_mounts'];
  fields: Fields;
  action: string;
}

/** Chooses which bind mounts move, and asks for another report. */
export function BindMounts({ binds, fields, action }: BindsProps) {
  return (
    <Card title="Bind mounts" id="binds">
      <p>
        Directories of the host that the stack mounts. Those you choose move like volumes; the others stay, and the
        stack uses what is at that path on the target.
      </p>
      <form method="get" action={action} data-slow="Checking…">
        <Hidden fields={fields} />
        <Table
          caption="Bind mounts"
          columns={['Move', 'Path', { label: 'Size', number: true }, 'On the target', 'Its place there']}
        >
          {binds.map(({ path, size_bytes, exists_on_target, place, obstacle }) => (
            <tr>
              <td>
                <input
                  type="checkbox"
                  name="bind"
                  value={path}
                  checked={place !== null}
                  disabled={obstacle !== null && place === null}
                  aria-label={`Move ${path}`}
                />
              </td>
              <th scope="row">{path}</th>
              <td class="number">{sizeOr(size_bytes, 'unknown')}</td>
              <td>{exists_on_target === null ? 'unknown' : exists_on_target ? 'exists' : 'absent'}</td>
              <td class="words">
                {obstacle !== null && place === null ? (
                  obstacle
                ) : (
                  <input name={placeField(path)} value={place ?? path} aria-label={`Place of ${path} on the target`} />
                )}
              </td>
            </tr>
          ))}
        </Table>
        <p class="acts">
          <button type="submit">Check with these</button>
        </p>
      </form>
    </Card>
  );
}
