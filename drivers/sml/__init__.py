"""SML 1.04, the language of German electricity meters: octets → telegrams. Pure."""
