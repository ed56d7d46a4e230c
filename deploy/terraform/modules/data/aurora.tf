# The operational store: writebacks, audit log, API tokens. Logins are IAM tokens; the master password stays with AWS.

resource "aws_security_group" "aurora" {
  name_prefix = "tidegate-${var.name}-aurora-"
  description = "PostgreSQL from the engine's tasks"
  vpc_id      = var.vpc_id

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_ingress_rule" "aurora" {
  security_group_id            = aws_security_group.aurora.id
  description                  = "PostgreSQL from the tasks"
  referenced_security_group_id = var.tasks_security_group_id
  from_port                    = 5432
  to_port                      = 5432
  ip_protocol                  = "tcp"
}

resource "aws_db_subnet_group" "this" {
  name_prefix = "tidegate-${var.name}-"
  subnet_ids  = var.private_subnet_ids
}

resource "aws_rds_cluster_parameter_group" "this" {
  name_prefix = "tidegate-${var.name}-"
  family      = "aurora-postgresql${split(".", var.aurora_version)[0]}"

  parameter {
    name  = "rds.force_ssl"
    value = "1"
  }

  parameter {
    name  = "log_min_duration_statement"
    value = "2000"
  }

  # Statements may hold values of records: they are not logged, only their time is.
  parameter {
    name  = "log_statement"
    value = "ddl"
  }

  parameter {
    name  = "log_parameter_max_length"
    value = "0"
  }
}

resource "aws_rds_cluster" "this" {
  cluster_identifier_prefix           = "tidegate-${var.name}-"
  engine                              = "aurora-postgresql"
  engine_version                      = var.aurora_version
  database_name                       = "tidegate"
  master_username                     = "tidegate_owner"
  manage_master_user_password         = true
  master_user_secret_kms_key_id       = aws_kms_key.class["stores"].arn
  iam_database_authentication_enabled = true
  storage_encrypted                   = true
  kms_key_id                          = aws_kms_key.class["stores"].arn
  db_subnet_group_name                = aws_db_subnet_group.this.name
  db_cluster_parameter_group_name     = aws_rds_cluster_parameter_group.this.name
  vpc_security_group_ids              = [aws_security_group.aurora.id]
  backup_retention_period             = 35
  copy_tags_to_snapshot               = true
  deletion_protection                 = true
  enabled_cloudwatch_logs_exports     = ["postgresql"]
  final_snapshot_identifier           = "tidegate-${var.name}-last"

  serverlessv2_scaling_configuration {
    min_capacity = var.aurora_capacity.min
    max_capacity = var.aurora_capacity.max
  }

  lifecycle {
    ignore_changes = [engine_version]
  }
}

resource "aws_rds_cluster_instance" "this" {
  count                           = var.aurora_instances
  identifier_prefix               = "tidegate-${var.name}-${count.index}-"
  cluster_identifier              = aws_rds_cluster.this.id
  engine                          = aws_rds_cluster.this.engine
  engine_version                  = aws_rds_cluster.this.engine_version
  instance_class                  = "db.serverless"
  auto_minor_version_upgrade      = true
  performance_insights_enabled    = true
  performance_insights_kms_key_id = aws_kms_key.class["stores"].arn
  monitoring_interval             = 60
  monitoring_role_arn             = aws_iam_role.monitoring.arn
}

data "aws_iam_policy_document" "monitoring_assume" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["monitoring.rds.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "monitoring" {
  name_prefix        = "tidegate-${var.name}-rds-"
  assume_role_policy = data.aws_iam_policy_document.monitoring_assume.json
}

resource "aws_iam_role_policy_attachment" "monitoring" {
  role       = aws_iam_role.monitoring.name
  policy_arn = "arn:${data.aws_partition.here.partition}:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"
}
