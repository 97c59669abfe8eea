/** In a file of its own, to be loaded only where there is a certificate to make: the library is a large one. */
export { generate } from 'selfsigned';
