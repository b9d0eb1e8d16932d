/* The program as data: PROGRAM and POSITIONS name files. */
	.section .rodata
	.global bytecode, bytecode_end, positions, positions_end
	.balign 16
bytecode:
	.incbin PROGRAM
bytecode_end:
	.balign 16
positions:
	.incbin POSITIONS
positions_end:
	.section .note.GNU-stack, "", %progbits
