// The library's dependency injection needs this polyfill before the library is loaded, so every import goes through
// this file.
import 'reflect-metadata';
import { cryptoProvider } from '@peculiar/x509';

cryptoProvider.set(crypto);

export * from '@peculiar/x509';
