// golden is no plugin: built with the tag golden it reads what it is given and writes it again, which is how the bytes of
// golden.jsonl are checked.
package main

import _ "crosstie"

func main() {}
