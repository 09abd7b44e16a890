/*
 * Reads a STUN message in hexadecimal digits from standard input and asks coturn's
 * libturnclient about it: whether it is a whole message with a right FINGERPRINT, and
 * whether its MESSAGE-INTEGRITY is that of a user, a realm and a password.
 *
 * Arguments: user realm password.  Output: "fingerprint N integrity N", 1 for right.
 */
#include <stdio.h>
#include <string.h>

#include <turn/ns_turn_msg.h>

int main(int count, char **arguments) {
  uint8_t message[65536];
  size_t length = 0;
  unsigned int octet;
  int whole = 0;

  if (count != 4)
    return 2;
  while (length < sizeof(message) && scanf("%2x", &octet) == 1)
    message[length++] = (uint8_t)octet;
  int fingerprint = stun_is_command_message_full_check_str(message, length, 1, &whole);
  int integrity = stun_check_message_integrity_str(
      TURN_CREDENTIALS_LONG_TERM, message, length, (uint8_t *)arguments[1],
      (uint8_t *)arguments[2], (uint8_t *)arguments[3], SHATYPE_SHA1);
  printf("fingerprint %d integrity %d\n", fingerprint && whole, integrity);
  return 0;
}
