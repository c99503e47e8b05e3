/** A FIFO semaphore. */
export interface Slots {
  /** Resolves to a function that frees the slot. Rejects with the signal's reason. */
  take(signal: AbortSignal): Promise<() => void>;
}

export function createSlots(max: number): Slots {
  const queue: (() => void)[] = [];
  let taken = 0;

  const slot = () => {
    let freed = false;
    taken += 1;
    return () => {
      if (freed) return;
      freed = true;
      taken -= 1;
      queue.shift()?.();
    };
  };

  return {
    take: (signal) => {
      if (signal.aborted) return Promise.reject(signal.reason);
      if (taken < max) return Promise.resolve(slot());
      return new Promise((resolve, reject) => {
        const begin = () => {
          signal.removeEventListener('abort', leave);
          resolve(slot());
        };
        const leave = () => {
          queue.splice(queue.indexOf(begin), 1);
          reject(signal.reason);
        };
        queue.push(begin);
        signal.addEventListener('abort', leave, { once: true });
      });
    },
  };
}
