/** `rolled_back` as `rolled back`. */
export const inWords = (status: string) => status.replaceAll('_', ' ');
