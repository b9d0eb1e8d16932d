/* The program as data: PROGRAM and POSITIONS name files. Sizes stand in memory, as some CPUs cannot name an odd address. */
	.section .rodata
	.global bytecode, bytecode_size, positions, positions_size
	.balign 16
bytecode_size:
	.4byte 1f - bytecode
	.balign 16
bytecode:
	.incbin PROGRAM
1:	.balign 16
positions_size:
	.4byte 2f - positions
	.balign 16
positions:
	.incbin POSITIONS
2:	.section .note.GNU-stack, "", %progbits
