CREATE TABLE IF NOT EXISTS reservation (
	id BINARY(16) NOT NULL COMMENT 'UUID that orders chose; the same wish has the same id',
	seq BIGINT UNSIGNED NOT NULL AUTO_INCREMENT COMMENT 'Order of creation, for the audit''s pages',
	state ENUM('held', 'committed', 'released', 'expired') CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	expires_at DATETIME(6) NOT NULL COMMENT 'UTC; a held one becomes expired after it',
	created_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) COMMENT 'UTC',
	changed_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) COMMENT 'UTC; last change of state or expires_at',
	PRIMARY KEY (id),
	UNIQUE KEY seq (seq),
	KEY due (state, expires_at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci
	COMMENT = 'Stock that an order holds or has taken; expired ones may be held anew, released ones never';
INSERT IGNORE INTO schema_migration (number, name) VALUES (105, 'reservation');
