"""The UnitOfWork port over SQL. Import its modules: `latch` and `lock` must stay cheap."""
