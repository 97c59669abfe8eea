/** What the name of a header may be: RFC 9110 section 5.6.2. */
export const FIELD_NAME = /^[\w!#$%&'*+.^`|~-]+$/;
/** What the value of a header, or the reason of a status, may be, a byte a character: RFC 9110 section 5.5. */
export const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
