# The warehouse. COPY reads load files with a role of its own, and nothing else of the bucket.

resource "aws_security_group" "redshift" {
  name_prefix = "tidegate-${var.name}-redshift-"
  description = "Redshift from the engine's tasks and from readers"
  vpc_id      = var.vpc_id

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_ingress_rule" "redshift" {
  security_group_id            = aws_security_group.redshift.id
  description                  = "Redshift from the tasks"
  referenced_security_group_id = var.tasks_security_group_id
  from_port                    = 5439
  to_port                      = 5439
  ip_protocol                  = "tcp"
}

resource "aws_vpc_security_group_ingress_rule" "readers" {
  for_each                     = toset(var.reader_security_group_ids)
  security_group_id            = aws_security_group.redshift.id
  description                  = "Redshift from readers of the curated tables"
  referenced_security_group_id = each.value
  from_port                    = 5439
  to_port                      = 5439
  ip_protocol                  = "tcp"
}

# Enhanced VPC routing: COPY goes through the VPC's S3 endpoint, so its way out is needed here.
resource "aws_vpc_security_group_egress_rule" "redshift" {
  security_group_id = aws_security_group.redshift.id
  description       = "HTTPS to S3"
  cidr_ipv4         = "0.0.0.0/0"
  from_port         = 443
  to_port           = 443
  ip_protocol       = "tcp"
}

data "aws_iam_policy_document" "copy_assume" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["redshift.amazonaws.com", "redshift-serverless.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
}

data "aws_iam_policy_document" "copy" {
  statement {
    sid       = "ReadLoadFiles"
    actions   = ["s3:GetObject"]
    resources = ["${aws_s3_bucket.class["staged"].arn}/load/*"]
  }

  statement {
    sid       = "FindLoadFiles"
    actions   = ["s3:ListBucket", "s3:GetBucketLocation"]
    resources = [aws_s3_bucket.class["staged"].arn]
  }

  statement {
    sid       = "WriteUnloadFiles"
    actions   = ["s3:PutObject"]
    resources = ["${aws_s3_bucket.class["staged"].arn}/unload/*"]
  }

  statement {
    sid       = "UseTheKey"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [aws_kms_key.class["raw"].arn]
  }
}

resource "aws_iam_role" "copy" {
  name_prefix        = "tidegate-${var.name}-copy-"
  assume_role_policy = data.aws_iam_policy_document.copy_assume.json
}

resource "aws_iam_role_policy" "copy" {
  name   = "copy"
  role   = aws_iam_role.copy.id
  policy = data.aws_iam_policy_document.copy.json
}

resource "aws_redshiftserverless_namespace" "this" {
  namespace_name                   = "tidegate-${var.name}"
  db_name                          = "tidegate"
  admin_username                   = "tidegate_owner"
  manage_admin_password            = true
  admin_password_secret_kms_key_id = aws_kms_key.class["stores"].arn
  kms_key_id                       = aws_kms_key.class["stores"].arn
  iam_roles                        = [aws_iam_role.copy.arn]
  default_iam_role_arn             = aws_iam_role.copy.arn
  log_exports                      = ["userlog", "connectionlog", "useractivitylog"]

  lifecycle {
    prevent_destroy = true
    ignore_changes  = [iam_roles]
  }
}

resource "aws_redshiftserverless_workgroup" "this" {
  namespace_name       = aws_redshiftserverless_namespace.this.namespace_name
  workgroup_name       = "tidegate-${var.name}"
  base_capacity        = var.redshift_base_rpu
  max_capacity         = var.redshift_max_rpu
  enhanced_vpc_routing = true
  publicly_accessible  = false
  subnet_ids           = var.private_subnet_ids
  security_group_ids   = [aws_security_group.redshift.id]

  config_parameter {
    parameter_key   = "require_ssl"
    parameter_value = "true"
  }

  config_parameter {
    parameter_key   = "max_query_execution_time"
    parameter_value = "3600"
  }
}

output "copy_role_arn" {
  value = aws_iam_role.copy.arn
}

output "redshift" {
  value = {
    host      = aws_redshiftserverless_workgroup.this.endpoint[0].address
    port      = aws_redshiftserverless_workgroup.this.endpoint[0].port
    database  = aws_redshiftserverless_namespace.this.db_name
    workgroup = aws_redshiftserverless_workgroup.this.workgroup_name
    arn       = aws_redshiftserverless_workgroup.this.arn
  }
}
