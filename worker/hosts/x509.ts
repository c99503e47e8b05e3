// The library's dependency injection wants its polyfill before the library is loaded, wherever that is imported first.
import 'reflect-metadata';
import { cryptoProvider } from '@peculiar/x509';

cryptoProvider.set(crypto);

export * from '@peculiar/x509';
