import { bytes, share } from '../../../schema/units.ts';
import { type Candidate, isFit } from '../destinations.ts';
import { HostState, State } from './state.tsx';

interface DestinationProps {
  candidate: Candidate;
  checked: boolean;
  /** Name of the host that the stack leaves. */
  source: string;
}

/** A host to choose, with its free room and what would fit into it. */
export function Destination({ candidate, checked, source }: DestinationProps) {
  const { host, obstacle } = candidate;
  const { id, name, resources } = host;
  return (
    <label class="choice destination">
      <input
        type="radio"
        name="target"
        value={id}
        checked={checked}
        disabled={obstacle !== null}
        aria-labelledby={`name-${id}`}
        aria-describedby={`room-${id}`}
        required
      />
      <span>
        <span class="name">
          <span id={`name-${id}`}>{name}</span> <HostState status={host.status} cordoned={host.cordoned_at !== null} />
        </span>
        <span id={`room-${id}`}>
          {obstacle === null && resources ? (
            <>
              <Room label="Memory" of={resources.memory} />
              <Room label="Disk" of={resources.disk} />
            </>
          ) : null}
          <span class="hint">{obstacle ?? <Fit candidate={candidate} source={source} />}</span>
        </span>
      </span>
    </label>
  );
}

/** The words say what the bar shows. */
function Room({ label, of }: { label: string; of: { total_bytes: number; used_bytes: number; free_bytes: number } }) {
  const { total_bytes, used_bytes, free_bytes } = of;
  return (
    <span class="room">
      <span>{label}</span>
      <span class="gauge">
        <meter
          aria-hidden="true"
          min={0}
          max={total_bytes}
          high={total_bytes * 0.9}
          value={Math.min(used_bytes, total_bytes)}
        />
        <span>{share(free_bytes, total_bytes)} free</span>
      </span>
    </span>
  );
}

function Fit({ candidate: { lacks }, source }: { candidate: Candidate; source: string }) {
  if (lacks === null) return <>Its room is not known yet; the pre-flight measures it.</>;
  if (isFit(lacks)) return <State tone="ok" word={`room for all of ${source}`} />;
  const { memory_bytes, disk_bytes } = lacks;
  const missing = [
    ...(memory_bytes > 0 ? [`${bytes(memory_bytes)} of memory`] : []),
    ...(disk_bytes > 0 ? [`${bytes(disk_bytes)} of disk`] : []),
  ];
  return (
    <>
      <State tone="warn" word={`not for all of ${source}`} /> {missing.join(' and ')} short of that. The stack alone may
      fit: see “Advanced”.
    </>
  );
}
