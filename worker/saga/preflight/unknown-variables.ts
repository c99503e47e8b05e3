import { nameIn } from '../../../schema/environment.ts';
import type { Fit } from './fit.ts';
import { list } from './verdicts.ts';

/** Variables that the stack's files use, whose values neither the source's agent knows nor the operator gave. */
export function unknownVariables({ stack, options }: Pick<Fit, 'stack' | 'options'>): string[] {
  const given = options.env.map(nameIn);
  return stack.unknown_variables.filter((name) => !given.includes(name));
}

export const variableAdvice = (unknown: string[]): string[] =>
  unknown.length === 0
    ? []
    : [`If the shell that started it had ${list(unknown)} set, give it: "env": ["${unknown[0]}=…"].`];

/** Compose's errors without those that name one of these variables. */
export const errorsWithout = (errors: string[], variables: readonly string[]): string[] =>
  errors.filter((error) => !variables.some((name) => new RegExp(`\\b${name}\\b`).test(error)));
