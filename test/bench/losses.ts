/** Payload of a full TCP segment on Ethernet, with timestamps. */
const segmentBytes = 1_448;

export interface Piece {
  bytes: Buffer;
  /** Whether its last segment is one that is lost. */
  lost: boolean;
}

/**
 * Splits what one connection carries after each lost segment: one in `everySegments`, evenly and not at random, so that
 * ours and the peer lose equally many.
 */
export function startLosses(everySegments: number): (bytes: Buffer) => Piece[] {
  const apart = everySegments * segmentBytes;
  let left = apart;
  return (bytes) => {
    const pieces: Piece[] = [];
    let rest = bytes;
    for (; rest.length >= left; left = apart) {
      pieces.push({ bytes: rest.subarray(0, left), lost: true });
      rest = rest.subarray(left);
    }
    left -= rest.length;
    return rest.length > 0 ? [...pieces, { bytes: rest, lost: false }] : pieces;
  };
}
