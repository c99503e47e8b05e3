import { describe, expect, it } from 'vitest';
import { judge } from '../../../worker/saga/preflight/judge.ts';
import { plainTree } from '../../support/media-mount.ts';
import { detailOf, facts, failed, type Well } from './spoilt-facts.ts';

type Drift = Well['stack']['drift'];

const drifted = (drift: Partial<Drift>, accept_drift: boolean, spoil: (well: Well) => void = () => {}) =>
  judge(
    facts((w) => {
      w.stack.drift = { ...w.stack.drift, current: false, detail: 'web differs in image.', ...drift };
      w.rest.inputs.accept_drift = accept_drift;
      spoil(w);
    }),
  );

describe('P19: a stack whose files changed since its containers were made', () => {
  it('is refused with what differs, and with the option that moves what the file says', () => {
    const report = drifted({}, false);
    expect(failed(report)).toEqual(['config_current']);
    expect(detailOf(report, 'config_current')).toMatch(/web differs in image\. .*"accept_drift": true/);
  });

  it('moves as the file says if that is accepted, and what the file dropped is named', () => {
    const report = drifted({ as_written: { stays: ['bind mount /srv/x of service web'], obstacles: [] } }, true);
    expect(report.passed).toBe(true);
    const check = report.checks.find(({ name }) => name === 'config_current');
    expect(check?.status).toBe('note');
    expect(check?.detail).toMatch(/web differs in image\. .* what the file says; .*Stays .* bind mount \/srv\/x of/);
  });

  it('can be accepted too where a part can’t be compared', () => {
    const unknown = { current: null, detail: 'web can’t be compared by blkio_config.' };
    expect(detailOf(drifted(unknown, false), 'config_current')).toContain('"accept_drift": true');
    expect(drifted(unknown, true).passed).toBe(true);
  });

  it('does not move where the source lacks what the file wants, or its agent can’t tell', () => {
    const lacking = drifted({ as_written: { stays: [], obstacles: ['web wants the image app:2'] } }, true);
    expect(detailOf(lacking, 'config_current')).toContain('can’t be moved: web wants the image app:2');
    expect(detailOf(drifted({ as_written: null }, true), 'config_current')).toContain('update it');
  });

  it('moves no bind mount that only the file has', () => {
    const report = drifted({}, true, (w) => {
      w.stack.bind_trees = [{ ...plainTree('/srv/new'), mounted: false }];
      w.rest.inputs.binds = ['/srv/new'];
    });
    expect(detailOf(report, 'compose_supported')).toContain('bind mount /srv/new is only in the file');
  });
});
