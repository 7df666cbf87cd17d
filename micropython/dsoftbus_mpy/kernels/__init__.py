"""Crypto in machine code: viper's and the Thumb assembler's."""
