"""Operations whose SQL is the same for every database, written once against a small port."""
